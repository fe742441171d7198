//! Resource limits, in the order of `rlimits` (`include/uapi/asm-generic/resource.h`, and mips' own).

use super::arch::Arch;

/// A limited resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Name of the resource, for example `RLIMIT_NOFILE`.
    pub name: &'static str,
    /// Name in `/proc/PID/limits`.
    pub title: &'static str,
    /// Unit of the limit; `None` for priorities.
    pub unit: Option<&'static str>,
}

/// Defines the resources: name, title, unit.
macro_rules! resources {
    ($($constant:ident = $name:literal, $title:literal, $unit:expr;)+) => {
        $(const $constant: Resource = Resource { name: $name, title: $title, unit: $unit };)+
    };
}

resources! {
    CPU = "RLIMIT_CPU", "Max cpu time", Some("seconds");
    FSIZE = "RLIMIT_FSIZE", "Max file size", Some("bytes");
    DATA = "RLIMIT_DATA", "Max data size", Some("bytes");
    STACK = "RLIMIT_STACK", "Max stack size", Some("bytes");
    CORE = "RLIMIT_CORE", "Max core file size", Some("bytes");
    RSS = "RLIMIT_RSS", "Max resident set", Some("bytes");
    NPROC = "RLIMIT_NPROC", "Max processes", Some("processes");
    NOFILE = "RLIMIT_NOFILE", "Max open files", Some("files");
    MEMLOCK = "RLIMIT_MEMLOCK", "Max locked memory", Some("bytes");
    AS = "RLIMIT_AS", "Max address space", Some("bytes");
    LOCKS = "RLIMIT_LOCKS", "Max file locks", Some("locks");
    SIGPENDING = "RLIMIT_SIGPENDING", "Max pending signals", Some("signals");
    MSGQUEUE = "RLIMIT_MSGQUEUE", "Max msgqueue size", Some("bytes");
    NICE = "RLIMIT_NICE", "Max nice priority", None;
    RTPRIO = "RLIMIT_RTPRIO", "Max realtime priority", None;
    RTTIME = "RLIMIT_RTTIME", "Max realtime timeout", Some("us");
}

const GENERIC: [Resource; 16] =
    [CPU, FSIZE, DATA, STACK, CORE, RSS, NPROC, NOFILE, MEMLOCK, AS, LOCKS, SIGPENDING, MSGQUEUE, NICE, RTPRIO, RTTIME];
const MIPS: [Resource; 16] =
    [CPU, FSIZE, DATA, STACK, CORE, NOFILE, AS, RSS, NPROC, MEMLOCK, LOCKS, SIGPENDING, MSGQUEUE, NICE, RTPRIO, RTTIME];

/// The resource with a number.
pub fn resource(number: usize, arch: Option<Arch>) -> Option<Resource> {
    let resources = if arch == Some(Arch::Mips) { &MIPS } else { &GENERIC };
    resources.get(number).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mips_has_another_order() {
        let name = |number, arch| resource(number, arch).map(|resource| resource.name);
        assert_eq!(name(7, None), Some("RLIMIT_NOFILE"));
        assert_eq!(name(5, Some(Arch::Mips)), Some("RLIMIT_NOFILE"));
        assert_eq!(name(15, Some(Arch::Mips)), Some("RLIMIT_RTTIME"));
        assert_eq!(name(16, None), None);
    }
}
