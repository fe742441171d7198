//! Device numbers. CRIU stores them in two forms.

use std::fmt;

/// The parts of a device number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Device {
    /// Major number: the driver.
    pub major: u32,
    /// Minor number: one of the driver's devices.
    pub minor: u32,
}

impl Device {
    /// The kernel's own form, `major << 20 | minor`, as in `mnt_entry.root_dev`.
    pub fn from_kernel(number: u32) -> Self {
        Device { major: number >> 20, minor: number & 0xf_ffff }
    }

    /// The form of `stat(2)`, as in `tty_info_entry.rdev`.
    pub fn from_stat(number: u32) -> Self {
        Device { major: number >> 8 & 0xfff, minor: number & 0xff | number >> 12 & 0xf_ff00 }
    }

    /// Whether the device is a terminal: virtual consoles and serial lines (4), `/dev/tty`, `/dev/console`, `/dev/ptmx`
    /// (5), slaves of pseudo-terminals (136 to 143). Source: the kernel's `Documentation/admin-guide/devices.txt`.
    pub fn is_terminal(self) -> bool {
        matches!(self.major, 4 | 5 | 136..=143)
    }
}

/// `major:minor`.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        assert_eq!(Device::from_kernel(0x2b), Device { major: 0, minor: 43 });
        assert_eq!(Device::from_kernel(0x80_0011), Device { major: 8, minor: 17 });
        assert_eq!(Device::from_stat(0x8803), Device { major: 136, minor: 3 });
        assert_eq!(Device::from_stat(0x1234_5678), Device { major: 0x456, minor: 0x1_2378 });
        assert!(Device::from_stat(0x502).is_terminal() && !Device::from_stat(0x103).is_terminal());
    }
}
