//! What the appliance does: enroll, make a seal, sign, stamp, deposit, verify.
