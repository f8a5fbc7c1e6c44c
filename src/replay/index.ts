export { ReplayModule } from './replay.module.js';
export { SingleUseEntity } from './single-use.entity.js';
export { type OneTimeIdentifier, SingleUse } from './single-use.service.js';
