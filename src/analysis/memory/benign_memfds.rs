//! Names of memfds that honest programs execute. A name alone proves nothing: rules ask for a second fact. As of
//! November 2026; container runtimes began to copy themselves into a memfd in 2019, .NET to map code twice in 2021.

/// Who makes a memfd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Maker {
    /// The name, or its beginning.
    name: &'static [u8],
    /// Whether whole programs run from it.
    pub(super) programs: bool,
}

const MAKERS: [Maker; 18] = [
    Maker { name: b"doublemapper", programs: false },
    Maker { name: b"libffi", programs: false },
    Maker { name: b"jit-cache", programs: false },
    Maker { name: b"JITCode:", programs: false },
    Maker { name: b"ScriptExecutableMemory", programs: false },
    Maker { name: b"wasm-memory-image", programs: false },
    Maker { name: b"wasmtime", programs: false },
    Maker { name: b"wasmer", programs: false },
    Maker { name: b"v8", programs: false },
    Maker { name: b"mesa", programs: false },
    Maker { name: b"llvmpipe", programs: false },
    Maker { name: b"allocation fd", programs: false },
    Maker { name: b"sljit", programs: false },
    Maker { name: b"vmem", programs: false },
    Maker { name: b"qemu-jit", programs: false },
    Maker { name: b"tcg-jit", programs: false },
    Maker { name: b"runc_cloned:/proc/self/exe", programs: true },
    Maker { name: b"libcrun-", programs: true },
];

/// The maker of a memfd with a name.
pub(super) fn maker_of(name: &[u8]) -> Option<Maker> {
    MAKERS.iter().copied().find(|maker| name.starts_with(maker.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_are_known_by_name() {
        assert!(maker_of(b"doublemapper").is_some_and(|maker| !maker.programs));
        assert!(maker_of(b"runc_cloned:/proc/self/exe").is_some_and(|maker| maker.programs));
        assert!(maker_of(b"").is_none() && maker_of(b"payload").is_none());
    }
}
