export { ObservationModule } from './observation.module.js';
