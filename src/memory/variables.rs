//! Variables of bash, from its heap: what they are now, not what the environment had when the shell started.
//!
//! Source: `BUCKET_CONTENTS` of `hashlib.h` and `SHELL_VAR` of `variables.h` in bash.

use std::collections::BTreeMap;

use super::AddressSpace;
use super::history::Heap;
use crate::int::usize_of;

/// Longest name.
const NAME_MOST: usize = 64;
/// Longest value.
const VALUE_MOST: usize = 4096;
/// Most variables of a shell.
const VARIABLES_MOST: usize = 10_000;

/// A variable of a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellVariable {
    /// Address of its structure.
    pub address: u64,
    /// Its name.
    pub name: Vec<u8>,
    /// Its value. Empty if it has none.
    pub value: Vec<u8>,
}

impl AddressSpace<'_> {
    /// The variables of a bash, by name. Empty if it is no bash, or if its heap is not in the archive.
    pub fn shell_variables(&self, is_32_bit: bool) -> Vec<ShellVariable> {
        self.heap(is_32_bit, |heap| variables(&heap)).unwrap_or_default()
    }
}

fn variables(heap: &Heap<'_>) -> Vec<ShellVariable> {
    let mut found: BTreeMap<Vec<u8>, ShellVariable> = BTreeMap::new();
    for (offset, key) in heap.words() {
        if found.len() >= VARIABLES_MOST {
            break;
        }
        // A bucket of the table of variables: the next one, the name, the variable. What was freed has lost its name.
        if !heap.is_inside(key) {
            continue;
        }
        let Some(variable) = heap.word(offset.saturating_add(heap.width)).filter(|at| heap.is_inside(*at)) else {
            continue;
        };
        let at = usize_of(variable.saturating_sub(heap.start));
        let (Some(name), Some(value)) = (heap.word(at), heap.word(at.saturating_add(heap.width))) else { continue };
        if name == key || !heap.is_inside(name) || !(value == 0 || heap.is_inside(value)) {
            continue;
        }
        let Some(name) = heap.text(name, NAME_MOST).filter(|name| is_name(name)) else { continue };
        if heap.text(key, NAME_MOST) != Some(name) {
            continue;
        }
        let value = heap.text(value, VALUE_MOST).unwrap_or_default().to_vec();
        found.insert(name.to_vec(), ShellVariable { address: variable, name: name.to_vec(), value });
    }
    found.into_values().collect()
}

fn is_name(name: &[u8]) -> bool {
    !name.first().is_none_or(u8::is_ascii_digit)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 0x5555_0000_0000;

    #[test]
    fn variables_are_found_by_their_buckets() {
        let mut bytes: Vec<u8> = Vec::new();
        let mut text = |text: &str| {
            let at = START + bytes.len() as u64;
            bytes.extend_from_slice(text.as_bytes());
            bytes.resize((bytes.len() + 1).next_multiple_of(8), 0);
            at
        };
        let (key, name, value) = (text("HISTFILE"), text("HISTFILE"), text("/dev/null"));
        let (other, freed) = (text("PATH"), text(""));
        let mut words = |words: &[u64]| {
            let at = START + bytes.len() as u64;
            for word in words {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
            at
        };
        let variable = words(&[name, value, 0, 0]);
        let gone = words(&[freed, value, 0, 0]);
        words(&[0, key, variable, 7, 0, other, gone, 7]);
        let heap = Heap { start: START, bytes: &bytes, width: 8 };
        let found = variables(&heap);
        assert_eq!(found, [ShellVariable { address: variable, name: b"HISTFILE".into(), value: b"/dev/null".into() }]);
    }

    #[test]
    fn other_memory_has_no_variables() {
        assert_eq!(variables(&Heap { start: START, bytes: &[], width: 8 }), []);
        assert_eq!(variables(&Heap { start: u64::MAX - 3, bytes: &[0xff; 64], width: 4 }), []);
        let bytes: Vec<u8> = (0..64_u64).flat_map(|word| (START + word * 8).to_le_bytes()).collect();
        assert_eq!(variables(&Heap { start: START, bytes: &bytes, width: 8 }), []);
    }
}
