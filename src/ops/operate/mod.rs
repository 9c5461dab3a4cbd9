//! What operators do: who they are, what each role may, and which acts take the word of several.

mod approvals;
mod authorities;
mod browse;
mod channels;
mod command;
mod operators;

pub use approvals::{Approval, Request, Step, approvals_in_force};
pub use authorities::OwnCertificate;
pub use browse::Rows;
pub use channels::{ChannelFiles, channels_in_force};
pub use command::{Ceremony, Command, Done, Risk};
pub use operators::{NewOperator, Operator, Role, Who};
