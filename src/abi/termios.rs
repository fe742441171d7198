//! Terminals: modes and control characters. Source: `include/uapi/asm-generic/termbits.h` and `termbits-common.h`. mips
//! and powerpc have other numbers, which are not here.

use super::Bits;
use super::arch::Arch;

/// `termios_entry.c_iflag`.
const INPUT: Bits = &[
    (0x1, "IGNBRK"),
    (0x2, "BRKINT"),
    (0x4, "IGNPAR"),
    (0x8, "PARMRK"),
    (0x10, "INPCK"),
    (0x20, "ISTRIP"),
    (0x40, "INLCR"),
    (0x80, "IGNCR"),
    (0x100, "ICRNL"),
    (0x200, "IUCLC"),
    (0x400, "IXON"),
    (0x800, "IXANY"),
    (0x1000, "IXOFF"),
    (0x2000, "IMAXBEL"),
    (0x4000, "IUTF8"),
];

/// `c_oflag`.
const OUTPUT: Bits = &[
    (0x1, "OPOST"),
    (0x2, "OLCUC"),
    (0x4, "ONLCR"),
    (0x8, "OCRNL"),
    (0x10, "ONOCR"),
    (0x20, "ONLRET"),
    (0x40, "OFILL"),
    (0x80, "OFDEL"),
    (0x100, "NLDLY"),
    (0x1800, "TABDLY"),
    (0x2000, "BSDLY"),
    (0x4000, "VTDLY"),
    (0x8000, "FFDLY"),
];

/// `c_cflag`, without the speed and the character size.
const CONTROL: Bits = &[
    (0x40, "CSTOPB"),
    (0x80, "CREAD"),
    (0x100, "PARENB"),
    (0x200, "PARODD"),
    (0x400, "HUPCL"),
    (0x800, "CLOCAL"),
    (0x2000_0000, "ADDRB"),
    (0x4000_0000, "CMSPAR"),
    (0x8000_0000, "CRTSCTS"),
];

/// `c_lflag`.
const LOCAL: Bits = &[
    (0x1, "ISIG"),
    (0x2, "ICANON"),
    (0x4, "XCASE"),
    (0x8, "ECHO"),
    (0x10, "ECHOE"),
    (0x20, "ECHOK"),
    (0x40, "ECHONL"),
    (0x80, "NOFLSH"),
    (0x100, "TOSTOP"),
    (0x200, "ECHOCTL"),
    (0x400, "ECHOPRT"),
    (0x800, "ECHOKE"),
    (0x1000, "FLUSHO"),
    (0x4000, "PENDIN"),
    (0x8000, "IEXTEN"),
    (0x1_0000, "EXTPROC"),
];

/// Control characters, by their position in `c_cc`.
const CHARACTERS: &[&str] = &[
    "VINTR", "VQUIT", "VERASE", "VKILL", "VEOF", "VTIME", "VMIN", "VSWTC", "VSTART", "VSTOP", "VSUSP", "VEOL",
    "VREPRINT", "VDISCARD", "VWERASE", "VLNEXT", "VEOL2",
];

/// Modes and control characters of a terminal, as the architecture numbers them.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// Modes in `c_iflag`.
    pub input: Bits,
    /// Modes in `c_oflag`.
    pub output: Bits,
    /// Modes in `c_cflag`, without [`Names::speed_and_size`].
    pub control: Bits,
    /// Modes in `c_lflag`.
    pub local: Bits,
    /// Control characters in `c_cc`.
    pub characters: &'static [&'static str],
    /// Bits of `c_cflag` that are not flags: speeds and the character size.
    pub speed_and_size: u32,
    /// Bits of `c_cflag` that are the character size, from five bits up.
    pub size: u32,
}

/// `CBAUD`, and the bit in it that marks the faster speeds.
const SPEED: u32 = 0x100f;
const FAST: u32 = 0x1000;
const SPEEDS: &[u32] = &[0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400];
const FAST_SPEEDS: &[u32] = &[
    57600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000, 2_000_000, 2_500_000,
    3_000_000, 3_500_000, 4_000_000,
];

impl Names {
    /// The speed in `c_cflag`.
    pub fn speed(&self, control: u32) -> Option<u32> {
        if self.control.is_empty() {
            return None;
        }
        let number = usize::try_from(control & SPEED & !FAST).ok()?;
        let speed = if control & FAST == 0 { SPEEDS.get(number) } else { FAST_SPEEDS.get(number.checked_sub(1)?) };
        speed.copied()
    }
}

/// The names on an architecture. On mips and power, all bits are numbers.
pub fn names(arch: Option<Arch>) -> Names {
    match arch {
        Some(Arch::Mips | Arch::Ppc64) => {
            Names { input: &[], output: &[], control: &[], local: &[], characters: &[], speed_and_size: 0, size: 0 }
        }
        _ => Names {
            input: INPUT,
            output: OUTPUT,
            control: CONTROL,
            local: LOCAL,
            characters: CHARACTERS,
            speed_and_size: 0x100f_103f | 0x30,
            size: 0x30,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_those_of_the_header() {
        let names = names(Some(Arch::X86_64));
        assert_eq!(names.speed(0xbf), Some(38400));
        assert_eq!(names.speed(0x1002), Some(115_200));
        assert_eq!(names.speed(0x1000), None, "a speed by number");
        assert_eq!(super::names(Some(Arch::Mips)).speed(0xbf), None);
    }
}
