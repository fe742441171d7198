//! `/proc/PID/cgroup`.

use super::{Task, text};
use crate::images::proto::CgMemberEntry;
use crate::int::usize_of;

/// Source: the kernel's `kernel/cgroup/cgroup.c`, `proc_cgroup_show`. The hierarchy number of version 1 is not stored,
/// so 0 is printed. 0 is also the number of version 2, but there no controller is named.
pub(super) fn write(task: &Task<'_>) -> Option<Vec<u8>> {
    let own = task.process.leader().and_then(|leader| leader.own()?.cg_set);
    let set = own.or(task.process.task()?.cg_set)?;
    task.common.cgroups(set).map(<[u8]>::to_vec)
}

/// The lines of a cgroup set.
pub(super) fn lines(members: &[CgMemberEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    for member in members {
        out.extend_from_slice(b"0:");
        text::octal(&mut out, member.name(), b"\n");
        out.push(b':');
        text::octal(&mut out, inside(member), b" \t\n\\");
        out.push(b'\n');
    }
    out
}

/// The path in the task's own cgroup namespace.
fn inside(member: &CgMemberEntry) -> &[u8] {
    let path = member.path.as_deref().unwrap_or_default();
    match path.get(usize_of(member.cgns_prefix().into())..).unwrap_or(path) {
        [] => b"/",
        inside => inside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_the_namespace_is_cut_off() {
        let member =
            |path: &str, prefix| CgMemberEntry { name: None, path: Some(path.into()), cgns_prefix: Some(prefix) };
        assert_eq!(inside(&member("/pod/c1", 7)), b"/");
        assert_eq!(inside(&member("/pod/c1/init", 7)), b"/init");
        assert_eq!(inside(&member("/pod", 0)), b"/pod");
        assert_eq!(inside(&member("/pod", 99)), b"/pod", "a prefix that is longer than the path");
    }
}
