export { Clock, FollowingClock, SystemClock } from './clock.js';
export { ClockModule } from './clock.module.js';
