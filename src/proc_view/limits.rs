//! `/proc/PID/limits`.

use std::fmt::Write as _;

use super::Task;
use crate::abi::arch::Arch;
use crate::images::Kind;
use crate::images::proto::RlimitEntry;

/// Names and units, in order of their numbers. Source: the kernel's `fs/proc/base.c`, `lnames`.
const LIMITS: [(&str, &str); 16] = [
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
];

/// Positions in [`LIMITS`] of the limits 5 to 9 on MIPS. Source: the kernel's `arch/mips/include/uapi/asm/resource.h`.
const MIPS: [usize; 5] = [7, 9, 5, 6, 8];

/// `RLIM_INFINITY`.
const UNLIMITED: u64 = u64::MAX;

pub(super) fn write(task: &Task<'_>) -> Option<Vec<u8>> {
    let limits = recorded(task);
    let mut text = format!("{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (number, limit) in limits.iter().enumerate() {
        let (Some((name, unit)), Some(soft), Some(hard)) = (named(number, task.process.arch()), limit.cur, limit.max)
        else {
            continue;
        };
        let amount = |n: u64| if n == UNLIMITED { "unlimited".to_owned() } else { n.to_string() };
        let _ = write!(text, "{name:<25} {:<20} {:<20} ", amount(soft), amount(hard));
        // Limits without a unit end with the blank before it.
        let _ = if unit.is_empty() { writeln!(text) } else { writeln!(text, "{unit:<10}") };
    }
    (!limits.is_empty()).then(|| text.into_bytes())
}

/// The soft limit on resident memory, which is also in `stat`.
pub(super) fn resident(task: &Task<'_>) -> Option<u64> {
    let number = if task.process.arch() == Some(Arch::Mips) { 7 } else { 5 };
    *task.known.resident.get_or_init(|| recorded(task).get(number)?.cur)
}

fn named(number: usize, arch: Option<Arch>) -> Option<(&'static str, &'static str)> {
    let differing = number.checked_sub(5).and_then(|i| MIPS.get(i)).filter(|_| arch == Some(Arch::Mips));
    LIMITS.get(*differing.unwrap_or(&number)).copied()
}

/// The limits by number. CRIU before 1.3 had an image for them.
fn recorded(task: &Task<'_>) -> Vec<RlimitEntry> {
    if let Some(limits) = task.alive().and_then(|alive| alive.rlimits.as_ref()) {
        return limits.rlimits.clone();
    }
    let (images, pid) = (task.images(), task.process.pid().0.into());
    if images.has(Kind::Rlimit, pid) { images.all(Kind::Rlimit, pid) } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mips_has_an_order_of_its_own() {
        let name = |number, arch| named(number, arch).map(|(name, _)| name);
        assert_eq!(name(5, Some(Arch::X86_64)), Some("Max resident set"));
        let mips: Vec<_> = (5..10).filter_map(|number| name(number, Some(Arch::Mips))).collect();
        let order = ["Max open files", "Max address space", "Max resident set", "Max processes", "Max locked memory"];
        assert_eq!(mips, order);
        assert_eq!((name(10, Some(Arch::Mips)), name(16, None)), (Some("Max file locks"), None));
    }
}
