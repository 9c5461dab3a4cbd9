//! The audit port: no signature without a durable record.
