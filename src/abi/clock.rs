//! Clocks.

use std::borrow::Cow;

use super::{Bits, name_or_number};

const CLOCKS: Bits = &[
    (0, "CLOCK_REALTIME"),
    (1, "CLOCK_MONOTONIC"),
    (2, "CLOCK_PROCESS_CPUTIME_ID"),
    (3, "CLOCK_THREAD_CPUTIME_ID"),
    (4, "CLOCK_MONOTONIC_RAW"),
    (5, "CLOCK_REALTIME_COARSE"),
    (6, "CLOCK_MONOTONIC_COARSE"),
    (7, "CLOCK_BOOTTIME"),
    (8, "CLOCK_REALTIME_ALARM"),
    (9, "CLOCK_BOOTTIME_ALARM"),
    (11, "CLOCK_TAI"),
];

/// Flags of `timerfd_settime`.
pub const SETTIME: Bits = &[(1, "TFD_TIMER_ABSTIME"), (2, "TFD_TIMER_CANCEL_ON_SET")];

/// The name of a clock.
pub fn name(number: u32) -> Cow<'static, str> {
    name_or_number(number.into(), CLOCKS)
}

/// A clock, from its id. A process can make up ids (`include/linux/posix-timers_types.h`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Name of the clock.
    pub name: Cow<'static, str>,
    /// The process or thread whose processor time the clock counts, if that is not the timer's own.
    pub of: Option<u32>,
    /// The descriptor of the clock's device, for example a network card's.
    pub fd: Option<u32>,
    /// Whether the clock counts real time, not processor time.
    pub is_wall: bool,
}

impl Clock {
    /// Takes the clock from the number that the kernel uses.
    pub fn from_id(id: u32) -> Self {
        const DEVICE: u32 = 3;
        const OF_THREAD: u32 = 4;
        const CPU_TIME: [u32; 2] = [2, 3];
        if id >> 31 == 0 {
            return Clock { name: name(id), of: None, fd: None, is_wall: !CPU_TIME.contains(&id) };
        }
        // A negative number: the complement of a pid or descriptor, above three bits that say what kind of clock it is.
        let number = !id.cast_signed().wrapping_shr(3).cast_unsigned();
        if id & 7 == DEVICE {
            return Clock { name: Cow::Borrowed("device"), of: None, fd: Some(number), is_wall: true };
        }
        let name = match (id & OF_THREAD != 0, id & 3) {
            (false, 0) => "CPUCLOCK_PROF",
            (false, 1) => "CPUCLOCK_VIRT",
            (false, _) => "CLOCK_PROCESS_CPUTIME_ID",
            (true, 0) => "CPUCLOCK_PROF|CPUCLOCK_PERTHREAD",
            (true, 1) => "CPUCLOCK_VIRT|CPUCLOCK_PERTHREAD",
            (true, 2) => "CLOCK_THREAD_CPUTIME_ID",
            (true, _) => {
                return Clock { name: Cow::Owned(id.cast_signed().to_string()), of: None, fd: None, is_wall: false };
            }
        };
        Clock { name: Cow::Borrowed(name), of: Some(number).filter(|&pid| pid != 0), fd: None, is_wall: false }
    }

    /// The clock of `ITIMER_VIRTUAL`: the time that a process spends in its own code.
    pub const VIRTUAL: u32 = 0xffff_fff9;
    /// The clock of `ITIMER_PROF`: the same, plus the kernel's time on behalf of the process.
    pub const PROFILE: u32 = 0xffff_fff8;
    /// The clock of `ITIMER_REAL`.
    pub const MONOTONIC: u32 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_processors_name_whose_time_they_count() {
        let clock = |id: i32| {
            let clock = Clock::from_id(id.cast_unsigned());
            (clock.name.into_owned(), clock.of, clock.fd, clock.is_wall)
        };
        assert_eq!(clock(1), ("CLOCK_MONOTONIC".into(), None, None, true));
        assert_eq!(clock(2), ("CLOCK_PROCESS_CPUTIME_ID".into(), None, None, false));
        assert_eq!(
            clock(-6),
            ("CLOCK_PROCESS_CPUTIME_ID".into(), None, None, false),
            "its own, as the kernel keeps it"
        );
        assert_eq!(clock(-2), ("CLOCK_THREAD_CPUTIME_ID".into(), None, None, false));
        assert_eq!(clock((!17 << 3) | 2), ("CLOCK_PROCESS_CPUTIME_ID".into(), Some(17), None, false));
        assert_eq!(clock((!17 << 3) | 4 | 1), ("CPUCLOCK_VIRT|CPUCLOCK_PERTHREAD".into(), Some(17), None, false));
        assert_eq!(clock((!5 << 3) | 3), ("device".into(), None, Some(5), true));
        assert_eq!(clock(i32::MIN | 7).0, (i32::MIN | 7).to_string());
        assert_eq!(clock(99).0, "99");
        assert_eq!(Clock::from_id(Clock::VIRTUAL).name, "CPUCLOCK_VIRT");
        assert_eq!(Clock::from_id(Clock::PROFILE).name, "CPUCLOCK_PROF");
    }
}
