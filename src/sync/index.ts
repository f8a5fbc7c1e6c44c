export { longPollsPerClient } from './long-polls.js';
export { StateChangeEntity } from './state-change.entity.js';
export { StateFeedEntity } from './state-feed.entity.js';
export { StateResourceEntity } from './state-resource.entity.js';
export { StateTypeEntity } from './state-type.entity.js';
export { SyncModule } from './sync.module.js';
