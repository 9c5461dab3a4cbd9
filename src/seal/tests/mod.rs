//! The seal kernel against real fonts.

mod fonts;
mod geometry;
mod outputs;
mod pictures;
mod rules;
mod sheets;
