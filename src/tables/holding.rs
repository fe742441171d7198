//! Lists of holders, as rows show them.

use std::sync::Arc;

use super::value::{Cell, Type, Value};
use crate::Checkpoint;
use crate::model::holders::Holder;
use crate::model::ids::FileId;

/// Greatest number of holders in a row. Thousands of processes may share one pipe.
const MOST: usize = 256;

/// The holders of something: `1:8` is descriptor 8 of process 1; `1:exe`, `1:cwd`, `1:root` and `1:map` are the other
/// ways to hold a file.
#[derive(Clone, Debug, Default)]
pub struct Holding(Arc<[Holder]>);

impl Holding {
    /// The first 256 holders.
    pub fn iter(&self) -> impl Iterator<Item = Holder> + '_ {
        self.0.iter().copied().take(MOST)
    }

    /// Number of holders.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn of(checkpoint: &Checkpoint, id: FileId) -> Self {
        Holding(checkpoint.holders().of(id))
    }

    pub(super) fn of_all(checkpoint: &Checkpoint, ids: &[FileId]) -> Self {
        Holding(checkpoint.holders().of_all(ids.iter().copied()))
    }
}

impl From<Arc<[Holder]>> for Holding {
    fn from(holders: Arc<[Holder]>) -> Self {
        Holding(holders)
    }
}

impl Cell for Holding {
    const TYPE: Type = Type::List;
    const ITEM: Option<Type> = Some(Type::Text);

    fn value(&self) -> Value<'_> {
        Value::List(self.iter().map(|holder| Value::Text(holder.to_string().into())).collect())
    }
}
