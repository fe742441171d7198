//! Indicators that the user brings: lists of addresses, domains, hashes, paths, read and compiled. What they are compared with is
//! in `ioc`.

pub(in crate::analysis) mod guess;
pub(in crate::analysis) mod index;
mod lists;
pub(in crate::analysis) mod named;
mod punycode;
mod refang;
pub(in crate::analysis) mod similar;
pub(in crate::analysis) mod value;
pub(in crate::analysis) mod warninglists;
pub(in crate::analysis) mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use self::index::Index;
pub use self::index::{About, More};
pub use self::lists::{ListError, Loader};
pub use self::value::Kind;
pub(in crate::analysis) use self::warninglists::Silencer as General;
use self::words::{Scope, Words};
use crate::memory::Sieve;

/// A list of indicators that was read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct List {
    /// The file.
    pub file: PathBuf,
    /// `text`, `csv`, `stix` or `misp`.
    pub format: &'static str,
    /// Number of indicators that are used.
    pub used: u64,
    /// What is not used, by the reason: how many, and where the first is.
    pub not_used: BTreeMap<String, (u64, String)>,
}

/// Indicators, ready to be compared.
#[derive(Debug)]
pub struct Indicators {
    pub(in crate::analysis) index: Arc<Index>,
    lists: Vec<List>,
    pub(in crate::analysis) in_memory: Arc<Words>,
    pub(in crate::analysis) in_text: Arc<Words>,
}

impl Indicators {
    fn new(index: Arc<Index>, lists: Vec<List>) -> Self {
        let in_memory = Arc::new(Words::new(&index, Scope::Memory));
        let in_text = Arc::new(Words::new(&index, Scope::Text));
        Indicators { index, lists, in_memory, in_text }
    }

    /// The lists, in the order in which they were read.
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// Number of values of all lists.
    pub fn len(&self) -> usize {
        self.index.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.entries.is_empty()
    }

    /// Number of values of each kind that occurs.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().map(|kind| (kind, self.index.count(kind))).filter(|(_, count)| *count > 0)
    }

    /// Number of values that are too general, by the list that says so.
    pub fn silenced(&self) -> BTreeMap<&str, u64> {
        self.index.silenced()
    }

    /// Texts that are not searched for in memory, as no word in them is long enough or rare enough.
    pub fn not_in_memory(&self) -> u64 {
        self.in_memory.left_out
    }

    /// Texts that are searched for nowhere, for the same reason.
    pub fn not_in_text(&self) -> u64 {
        self.in_text.left_out
    }

    /// Expressions that are not compared, as all together are too large.
    pub fn not_compiled(&self) -> u64 {
        self.index.not_compiled
    }

    /// Bytes of memory that they take.
    pub fn bytes(&self) -> u64 {
        self.index.bytes().saturating_add(self.in_memory.bytes()).saturating_add(self.in_text.bytes())
    }

    /// What finds them in memory.
    pub(super) fn sieve(&self) -> Option<Arc<dyn Sieve>> {
        if self.in_memory.is_empty() {
            return None;
        }
        let sieve: Arc<dyn Sieve> = Arc::<Words>::clone(&self.in_memory);
        Some(sieve)
    }
}
