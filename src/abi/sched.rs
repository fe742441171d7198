//! Scheduling.

use std::borrow::Cow;

use super::{Bits, name_or_number};

/// Flag in a policy: children start with the default policy.
const RESET_ON_FORK: u32 = 0x4000_0000;

const POLICIES: Bits = &[
    (0, "SCHED_OTHER"),
    (1, "SCHED_FIFO"),
    (2, "SCHED_RR"),
    (3, "SCHED_BATCH"),
    (4, "SCHED_ISO"),
    (5, "SCHED_IDLE"),
    (6, "SCHED_DEADLINE"),
    (7, "SCHED_EXT"),
];

/// The name of a scheduling policy.
pub fn policy(number: u32) -> Cow<'static, str> {
    let name = name_or_number(u64::from(number & !RESET_ON_FORK), POLICIES);
    if number & RESET_ON_FORK == 0 { name } else { Cow::Owned(format!("{name}|SCHED_RESET_ON_FORK")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_keep_their_flag() {
        assert_eq!(policy(0), "SCHED_OTHER");
        assert_eq!(policy(0x4000_0001), "SCHED_FIFO|SCHED_RESET_ON_FORK");
        assert_eq!(policy(77), "77");
    }
}
