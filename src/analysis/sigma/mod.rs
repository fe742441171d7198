//! Sigma: rules about events, which the user brings. What a checkpoint has instead of events is decided elsewhere: this
//! module loads rules and knows which fields they ask for. The engine is behind one file, `engine`.

#[cfg(feature = "sigma")]
mod engine;
#[cfg(not(feature = "sigma"))]
#[path = "without.rs"]
mod engine;
mod rules;
#[cfg_attr(not(feature = "sigma"), expect(dead_code, reason = "only an engine uses all of them"))]
mod types;

pub(in crate::analysis) use engine::Asked;
pub(in crate::analysis) use rules::SigmaRule;
pub use rules::{Loaded, Loader, Rules};
pub(in crate::analysis) use types::{Event, EventKind};
