//! Framing: the bytes of an image, of the kind that the first byte chooses.

use cryoscope::images::Kind;
use cryoscope::memory::Keep;

use super::parts::{decode, parts, read, with_image};

/// The member that an image of a kind is in the reference, or would be.
pub(super) fn member_of(kind: Kind) -> String {
    let of_kind = |name: &str| Kind::from_file_name(name.rsplit('/').next()?.as_bytes()).map(|(kind, _)| kind);
    let there = parts().iter().map(|(name, _)| name).find(|name| of_kind(name) == Some(kind));
    let pattern = || kind.pattern().replace("%u", "1").replace("%x", "1").replace('*', "1");
    there.cloned().unwrap_or_else(|| format!("checkpoint/{}", pattern()))
}

pub(super) fn kind_of(number: u8) -> Kind {
    Kind::ALL[usize::from(number) % Kind::ALL.len()]
}

pub fn run(data: &[u8]) {
    let Some((&number, contents)) = data.split_first() else { return };
    let name = member_of(kind_of(number));
    decode(&read(&with_image(&name, contents), Keep::Files), Some(&name));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let kinds = (0_u8..).zip(Kind::ALL);
    kinds
        .filter_map(|(number, kind)| {
            let member = member_of(*kind);
            let (_, contents) = parts().iter().find(|(name, _)| *name == member)?;
            Some([&[number], contents.get(..4096).unwrap_or(contents)].concat())
        })
        .collect()
}
