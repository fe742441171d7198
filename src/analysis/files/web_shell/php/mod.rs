//! What a script in PHP does with what a visitor sends: which variables have it, and which functions get it.

mod calls;
mod carries;
mod flow;
mod token;
mod value;

pub(super) use flow::found;
