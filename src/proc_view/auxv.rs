//! `/proc/PID/auxv`.

use super::Task;
use crate::images::ByteOrder;

/// The words that CRIU read from it, in the machine's byte order. For a 32-bit program, each of them holds a pair.
pub(super) fn write(task: &Task<'_>) -> Option<Vec<u8>> {
    let words = &task.process.mm.as_ref()?.entry.mm_saved_auxv;
    let bytes = words.iter().flat_map(|word| match task.model.byte_order() {
        ByteOrder::Little => word.to_le_bytes(),
        ByteOrder::Big => word.to_be_bytes(),
    });
    (!words.is_empty()).then(|| bytes.collect())
}
