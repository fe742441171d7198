//! `/proc/PID/uid_map` and `gid_map`.

use std::rc::Rc;

use super::Task;
use crate::images::Kind;
use crate::images::proto::{UidGidExtent, UsernsEntry};

pub(super) fn uid_map(task: &Task<'_>) -> Option<Vec<u8>> {
    Some(write(&namespace(task)?.uid_map))
}

pub(super) fn gid_map(task: &Task<'_>) -> Option<Vec<u8>> {
    Some(write(&namespace(task)?.gid_map))
}

/// The user namespace of a process, if it had its own.
fn namespace(task: &Task<'_>) -> Option<Rc<UsernsEntry>> {
    let (images, number) = (task.images(), u64::from(task.process.ids.as_ref()?.user_ns_id?));
    let read = || images.has(Kind::Userns, number).then(|| images.one(Kind::Userns, number)).flatten();
    task.common.users(number, read)
}

/// Source: the kernel's `kernel/user_namespace.c`, `uid_m_show`.
fn write(map: &[UidGidExtent]) -> Vec<u8> {
    let lines = map.iter().map(|e| format!("{:>10} {:>10} {:>10}\n", e.first(), e.lower_first(), e.count()));
    lines.collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_the_kernels() {
        let extent = UidGidExtent { first: Some(0), lower_first: Some(100_000), count: Some(65536) };
        assert_eq!(write(&[extent]), b"         0     100000      65536\n");
    }
}
