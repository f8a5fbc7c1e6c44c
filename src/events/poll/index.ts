export { PollModule } from './poll.module.js';
