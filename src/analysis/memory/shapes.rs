//! Shapes of code that is written by hand to run wherever it lies: starting a shell, connecting back, loading a next
//! stage, finding its own place, decoding itself. The patterns are our own, from the encodings of the instructions.

use std::net::Ipv4Addr;

use super::listing::Machine;

/// A shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Offset of its first byte.
    pub(super) offset: usize,
    /// What it is.
    pub(super) what: &'static str,
    /// Whether it says enough by itself. Weak ones count in pairs.
    pub(super) strong: bool,
    /// The address and port that it connects to.
    pub(super) destination: Option<(Ipv4Addr, u16)>,
}

/// Most shapes that are listed.
const MOST: usize = 64;

/// Bytes with gaps. `None` is any byte.
type Form = &'static [Option<u8>];

macro_rules! form {
    (@ _) => { None };
    (@ $byte:literal) => { Some($byte) };
    ($($byte:tt)+) => { &[$(form!(@ $byte)),+] };
}

struct Known {
    what: &'static str,
    strong: bool,
    form: Form,
}

const X86_64: [Known; 16] = [
    Known {
        what: "creates a TCP socket",
        strong: true,
        form: form!(0x6a 0x29 0x58 0x99 0x6a 0x02 0x5f 0x6a 0x01 0x5e 0x0f 0x05),
    },
    Known {
        what: "creates a TCP socket",
        strong: true,
        form: form!(0x6a 0x29 0x58 0x6a 0x02 0x5f 0x6a 0x01 0x5e _ _ 0x0f 0x05),
    },
    Known { what: "connects", strong: true, form: form!(0x6a 0x10 0x5a 0x6a 0x2a 0x58 0x0f 0x05) },
    Known { what: "listens for a connection", strong: true, form: form!(0x6a 0x32 0x58 0x0f 0x05 0x48) },
    Known {
        what: "puts a socket on the standard streams",
        strong: true,
        form: form!(0x6a 0x03 0x5e 0x48 0xff 0xce 0x6a 0x21 0x58 0x0f 0x05 0x75),
    },
    Known {
        what: "puts a socket on the standard streams",
        strong: true,
        form: form!(0x6a 0x03 0x5e 0xff 0xce 0xb0 0x21 0x0f 0x05 0x75),
    },
    Known {
        what: "puts a socket on the standard streams",
        strong: true,
        form: form!(0xff 0xce 0x6a 0x21 0x58 0x0f 0x05 0x75),
    },
    Known { what: "runs a program", strong: true, form: form!(0x6a 0x3b 0x58 0x0f 0x05) },
    Known { what: "runs a program", strong: true, form: form!(0x31 0xc0 0xb0 0x3b 0x0f 0x05) },
    Known { what: "runs a program", strong: true, form: form!(0x6a 0x3b 0x58 0x99) },
    Known {
        what: "asks for memory that can be written and executed",
        strong: true,
        form: form!(0x6a 0x07 0x5a 0x41 0xba 0x22 0x00 0x00 0x00),
    },
    Known {
        what: "asks for memory that can be written and executed",
        strong: true,
        form: form!(0x41 0xb2 0x22 0x6a 0x07 0x5a),
    },
    Known {
        what: "asks for memory that can be written and executed",
        strong: true,
        form: form!(0x41 0xb2 0x22 0xb2 0x07 0x0f 0x05),
    },
    Known { what: "finds its own address", strong: false, form: form!(0xe8 0x00 0x00 0x00 0x00 0x5b) },
    Known { what: "decodes itself", strong: false, form: form!(0x80 0x34 0x0b _ 0x48 0xff 0xc1) },
    Known { what: "finds its own address", strong: false, form: form!(0xd9 0x74 0x24 0xf4) },
];

const X86_32: [Known; 6] = [
    Known { what: "runs a shell", strong: true, form: form!(0x68 0x2f 0x2f 0x73 0x68 0x68 0x2f 0x62 0x69 0x6e) },
    Known { what: "runs a program", strong: true, form: form!(0xb0 0x0b 0xcd 0x80) },
    Known { what: "runs a program", strong: true, form: form!(0x6a 0x0b 0x58 0xcd 0x80) },
    Known { what: "creates or connects a socket", strong: true, form: form!(0x6a 0x66 0x58 _ _ 0xcd 0x80) },
    Known { what: "creates or connects a socket", strong: true, form: form!(0xb0 0x66 0xcd 0x80) },
    Known { what: "finds its own address", strong: false, form: form!(0xd9 0x74 0x24 0xf4) },
];

/// Numbers in x8 and what they are for; each must be followed by a call of the kernel.
const ARM64: [Known; 5] = [
    Known { what: "runs a program", strong: true, form: form!(0xa8 0x1b 0x80 0xd2 0x01 0x00 0x00 0xd4) },
    Known { what: "creates a socket", strong: true, form: form!(0xc8 0x18 0x80 0xd2 0x01 0x00 0x00 0xd4) },
    Known { what: "connects", strong: true, form: form!(0x68 0x19 0x80 0xd2 0x01 0x00 0x00 0xd4) },
    Known {
        what: "puts a socket on the standard streams",
        strong: true,
        form: form!(0x08 0x03 0x80 0xd2 0x01 0x00 0x00 0xd4),
    },
    // mov x1, #0x622f; movk x1, #0x6e69, lsl #16: "/bin", in any register.
    Known { what: "has the path of a shell in its code", strong: true, form: form!(_ 0x45 0x8c 0xd2 _ 0x2d 0xad 0xf2) },
];

/// The shapes in bytes.
pub(super) fn shapes(machine: Machine, bytes: &[u8]) -> Vec<Shape> {
    let known: &[Known] = match machine {
        Machine::X86_64 => &X86_64,
        Machine::X86_32 => &X86_32,
        Machine::Arm64 => &ARM64,
    };
    let mut found: Vec<Shape> = Vec::new();
    for one in known {
        let places = places(bytes, one.form);
        let here = places.filter(|offset| machine != Machine::Arm64 || offset.is_multiple_of(4));
        found.extend(here.take(MOST).map(|offset| Shape {
            offset,
            what: one.what,
            strong: one.strong,
            destination: None,
        }));
    }
    if machine == Machine::X86_64 {
        found.extend(destinations(bytes));
        found.extend(paths(bytes));
    }
    found.extend(sled(machine, bytes));
    found.sort_by_key(|shape| (shape.offset, !shape.strong));
    found.dedup_by_key(|shape| shape.offset);
    found.truncate(MOST);
    found
}

/// The shapes that say something: strong ones, and weak ones that stand close to another of a different kind.
pub(super) fn telling(shapes: &[Shape]) -> Vec<&Shape> {
    const NEAR: usize = 256;
    let is_near = |a: &Shape, b: &Shape| a.what != b.what && a.offset.abs_diff(b.offset) <= NEAR;
    let told = |shape: &&Shape| shape.strong || shapes.iter().any(|other| is_near(shape, other));
    shapes.iter().filter(told).collect()
}

/// Where a form occurs. It begins with the search for its longest known part.
fn places<'b>(bytes: &'b [u8], form: Form) -> impl Iterator<Item = usize> + 'b {
    let known: Vec<(usize, u8)> = form.iter().enumerate().filter_map(|(place, byte)| Some((place, (*byte)?))).collect();
    // The longest run of known bytes.
    let mut best: (usize, Vec<u8>) = (0, Vec::new());
    let mut run: (usize, Vec<u8>) = (0, Vec::new());
    for (place, byte) in form.iter().enumerate() {
        match byte {
            Some(byte) => run.1.push(*byte),
            None => run = (place.saturating_add(1), Vec::new()),
        }
        if run.1.len() > best.1.len() {
            best.clone_from(&run);
        }
    }
    let finder = memchr::memmem::Finder::new(&best.1).into_owned();
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = finder.find(bytes.get(from..)?)?.saturating_add(from);
            from = at.saturating_add(1);
            let start = at.checked_sub(best.0);
            let is_here =
                |start: usize| known.iter().all(|(place, byte)| bytes.get(start.saturating_add(*place)) == Some(byte));
            if let Some(start) = start.filter(|start| is_here(*start)) {
                return Some(start);
            }
        }
    })
}

/// Addresses of sockets in code: `mov r64, 02 00 PORT ADDRESS`, followed by a push of that register within a few bytes.
fn destinations(bytes: &[u8]) -> Vec<Shape> {
    let mut found = Vec::new();
    for start in places(bytes, form!(0x48 _ 0x02 0x00)).chain(places(bytes, form!(0x49 _ 0x02 0x00))) {
        let Some([_, load, 2, 0, high, low, a, b, c, d, push, ..]) = bytes.get(start..) else { continue };
        let port = u16::from_be_bytes([*high, *low]);
        let is_load = (0xb8..=0xbf).contains(load) && matches!(push, 0x50..=0x57 | 0x41);
        if is_load && port != 0 && *a != 0 && found.len() < MOST {
            let destination = Some((Ipv4Addr::new(*a, *b, *c, *d), port));
            found.push(Shape {
                offset: start,
                what: "has the address of a socket in its code",
                strong: true,
                destination,
            });
        }
    }
    found
}

/// The path of a shell as a number in code.
fn paths(bytes: &[u8]) -> Vec<Shape> {
    const PATHS: [&[u8]; 4] = [b"/bin/sh\0", b"/bin//sh", b"//bin/sh", b"/bin/bas"];
    let mut found = Vec::new();
    for path in PATHS {
        for at in memchr::memmem::find_iter(bytes, path).take(MOST) {
            let Some(start) = at.checked_sub(2) else { continue };
            if let Some([0x48 | 0x49, 0xb8..=0xbf, ..]) = bytes.get(start..) {
                let what = "has the path of a shell in its code";
                found.push(Shape { offset: start, what, strong: true, destination: None });
            }
        }
    }
    found
}

/// A long run of instructions that do nothing, with something other than padding behind it.
fn sled(machine: Machine, bytes: &[u8]) -> Option<Shape> {
    const LONG: usize = 64;
    if machine == Machine::Arm64 {
        return None;
    }
    let mut start = 0_usize;
    let mut len = 0_usize;
    for (place, &byte) in bytes.iter().enumerate() {
        if byte == 0x90 {
            if len == 0 {
                start = place;
            }
            len = len.saturating_add(1);
        } else {
            if len >= LONG && !matches!(byte, 0 | 0xcc) {
                return Some(Shape {
                    offset: start,
                    what: "begins with a run of empty instructions",
                    strong: false,
                    destination: None,
                });
            }
            len = 0;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(machine: Machine, bytes: &[u8]) -> Vec<&'static str> {
        let all = shapes(machine, bytes);
        telling(&all).iter().map(|shape| shape.what).collect()
    }

    #[test]
    fn a_stage_that_connects_is_known_with_its_destination() {
        let code = b"\xfc\xe8\0\0\0\0\x5b\x6a\x29\x58\x99\x6a\x02\x5f\x6a\x01\x5e\x0f\x05\x48\x97\x48\xb9\x02\0\x11\x5c\xcb\0\x71\x42\x51\x48\x89\xe6\x6a\x10\x5a\x6a\x2a\x58\x0f\x05";
        let all = shapes(Machine::X86_64, code);
        let destination = all.iter().find_map(|shape| shape.destination);
        assert_eq!(destination, Some(("203.0.113.66".parse().unwrap(), 4444)));
        let told = told(Machine::X86_64, code);
        assert!(told.contains(&"connects") && told.contains(&"finds its own address"), "{told:?}");
    }

    #[test]
    fn weak_shapes_alone_say_nothing() {
        assert!(told(Machine::X86_64, b"\x90\x90\xe8\0\0\0\0\x5b\xc3").is_empty());
        assert!(told(Machine::X86_64, &[0x90; 4096]).is_empty());
        assert!(told(Machine::X86_64, b"/bin/sh\0 is a path").is_empty());
        assert!(told(Machine::X86_64, b"").is_empty());
        assert!(told(Machine::Arm64, b"\0\xa8\x1b\x80\xd2\x01\0\0\xd4").is_empty(), "not aligned");
    }

    #[test]
    fn shells_are_started_on_every_machine() {
        assert_eq!(told(Machine::X86_64, b"\x48\xbb/bin/sh\0\x53\x54\x5f\x6a\x3b\x58\x0f\x05").len(), 2);
        assert!(!told(Machine::X86_32, b"\x68//sh\x68/bin\x89\xe3\xb0\x0b\xcd\x80").is_empty());
        assert!(!told(Machine::Arm64, b"\xa8\x1b\x80\xd2\x01\0\0\xd4").is_empty());
    }
}
