//! Secrets: passwords, keys and tokens that a container holds, where they are, who can read them, and which to change.
//!
//! Each detector has marks, bytes that give a secret away. All marks are looked for in one pass, which is a part of the
//! one search of memory. At each mark the detector reads what is around it, and checks what can be checked: checksums,
//! encodings, structures, randomness. One row is one value, with all the processes that hold it.
//!
//! Nothing shows a value whole, unless the user asks for it.

pub(super) mod arguments;
#[cfg(test)]
mod cases;
pub(super) mod detector;
pub(super) mod detectors;
mod encoded;
pub(super) mod engine;
#[cfg(test)]
mod examples;
mod mask;
mod prefilter;
mod redact;
mod sieve;
mod text;
mod unwrapped;
pub(super) mod user;
pub(super) mod value;
mod wanted;

pub(super) use self::mask::{hash, length, masked};
pub(super) use self::redact::redacted_text;
pub use self::redact::{redacted, redacted_arguments};
pub use self::user::{UserRules, UserRulesError};
pub(super) use self::value::Secret;
pub use self::wanted::{SecretsMode, SecretsWanted};
