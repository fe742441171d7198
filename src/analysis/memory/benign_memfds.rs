//! Names of memfds that honest programs execute. A name alone proves nothing: rules ask for a second fact. As of
//! November 2026; .NET began to map code twice in 2021. Container runtimes, which run from a memfd as a whole, are a fact
//! about processes.

/// Who makes a memfd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Maker {
    /// The name, or its beginning.
    name: &'static [u8],
}

const MAKERS: [Maker; 16] = [
    Maker { name: b"doublemapper" },
    Maker { name: b"libffi" },
    Maker { name: b"jit-cache" },
    Maker { name: b"JITCode:" },
    Maker { name: b"ScriptExecutableMemory" },
    Maker { name: b"wasm-memory-image" },
    Maker { name: b"wasmtime" },
    Maker { name: b"wasmer" },
    Maker { name: b"v8" },
    Maker { name: b"mesa" },
    Maker { name: b"llvmpipe" },
    Maker { name: b"allocation fd" },
    Maker { name: b"sljit" },
    Maker { name: b"vmem" },
    Maker { name: b"qemu-jit" },
    Maker { name: b"tcg-jit" },
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
        assert!(maker_of(b"doublemapper").is_some() && maker_of(b"libffi").is_some());
        assert!(maker_of(b"").is_none() && maker_of(b"payload").is_none());
    }
}
