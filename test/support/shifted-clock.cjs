// For `node --require`: the clock of the process is off by SHIFT_MS, as on a machine that is set wrong.
const shift = Number(process.env.SHIFT_MS);
const RealDate = Date;
globalThis.Date = class Date extends RealDate {
  constructor(...values) {
    if (values.length === 0) super(RealDate.now() + shift);
    else super(...values);
  }

  static now() {
    return RealDate.now() + shift;
  }
};
