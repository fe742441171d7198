//! Seccomp: answers of filters, their flags, and the data that they see. Source: `include/uapi/linux/seccomp.h`.

use std::borrow::Cow;

use super::arch::Arch;
use super::{Bits, errno};

/// Size of `seccomp_data`, all that a filter can see, in bytes.
pub const DATA_SIZE: u32 = 64;
/// Offset of the call's number.
pub const DATA_NUMBER: u32 = 0;
/// Offset of the architecture.
pub const DATA_ARCH: u32 = 4;

/// `SECCOMP_FILTER_FLAG_TSYNC`: all threads get the filter.
pub const TSYNC: u32 = 0x1;

/// `SECCOMP_FILTER_FLAG_*`.
pub const FLAGS: Bits = &[
    (0x1, "tsync"),
    (0x2, "log"),
    (0x4, "spec_allow"),
    (0x8, "new_listener"),
    (0x10, "tsync_esrch"),
    (0x20, "wait_killable_recv"),
];

/// The action part of an answer.
const ACTION: u32 = 0xffff_0000;
/// The data part of an answer.
const DATA: u32 = 0xffff;
/// `MAX_ERRNO`: the greatest error that the kernel returns.
const MOST_ERRNO: u32 = 4095;

/// What a filter's answer does to the call: `allow`, `log`, `errno(EPERM)`, `trap`, `trace(1)`, `user_notif`,
/// `kill_thread` or `kill_process`. The kernel kills the process for an unknown action.
pub fn action(answer: u32, arch: Option<Arch>) -> Cow<'static, str> {
    let data = answer & DATA;
    let name = match answer & ACTION {
        0x0000_0000 => "kill_thread",
        0x0003_0000 => "trap",
        0x0005_0000 if data == 0 => "errno(0)",
        0x0005_0000 => return Cow::Owned(format!("errno({})", errno::name(data.min(MOST_ERRNO), arch))),
        0x7fc0_0000 => "user_notif",
        0x7ff0_0000 => return Cow::Owned(format!("trace({data})")),
        0x7ffc_0000 => "log",
        0x7fff_0000 => "allow",
        // 0x8000_0000, and unknown actions.
        _ => "kill_process",
    };
    Cow::Borrowed(name)
}

/// Strictness of an answer: the kernel takes the smallest action, as a signed number.
pub fn strictness(answer: u32) -> i32 {
    (answer & ACTION).cast_signed()
}

/// Whether the call is made: allowed, or allowed and logged.
pub fn allows(answer: u32) -> bool {
    matches!(answer & ACTION, 0x7fff_0000 | 0x7ffc_0000)
}

/// The part of `seccomp_data` at an offset.
pub fn data_name(offset: u32) -> Option<Cow<'static, str>> {
    Some(match offset {
        DATA_NUMBER => Cow::Borrowed("nr"),
        DATA_ARCH => Cow::Borrowed("arch"),
        8 | 12 => Cow::Owned(format!("instruction_pointer+{}", offset & 4)),
        16..=60 if offset.is_multiple_of(4) => Cow::Owned(format!("args[{}]+{}", offset / 8 - 2, offset & 4)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_named() {
        assert_eq!(action(0x7fff_0000, None), "allow");
        assert_eq!(action(0x7fff_0001, None), "allow", "the data of an answer that has none is left out");
        assert_eq!(action(0x0005_0001, None), "errno(EPERM)");
        assert_eq!(action(0x0005_0000, None), "errno(0)", "the call is skipped and looks as if it had succeeded");
        assert_eq!(action(0x0005_ffff, None), "errno(4095)", "as the kernel cuts it");
        assert_eq!(action(0x0000_0007, None), "kill_thread");
        assert_eq!(action(0x1234_0000, None), "kill_process", "no action that there is");
    }

    #[test]
    fn parts_of_the_data_are_named() {
        assert_eq!(data_name(0).unwrap(), "nr");
        assert_eq!(data_name(20).unwrap(), "args[0]+4");
        assert_eq!(data_name(56).unwrap(), "args[5]+0");
        assert_eq!(data_name(64), None);
        assert_eq!(data_name(17), None);
    }
}
