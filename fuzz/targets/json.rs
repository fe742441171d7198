//! Documents: JSON in the place of the one that the first byte chooses.

use cryoscope::memory::Keep;

use super::parts::{parts, read, with};

/// Members that are replaced as JSON.
const DOCUMENTS: [&str; 7] = [
    "config.dump",
    "spec.dump",
    "network.status",
    "checkpoint/descriptors.json",
    "deleted.files",
    "bind.mounts",
    "status",
];

pub fn run(data: &[u8]) {
    let Some((&number, contents)) = data.split_first() else { return };
    read(&with(&[(DOCUMENTS[usize::from(number) % DOCUMENTS.len()], contents)]), Keep::Files);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let documents = (0_u8..).zip(DOCUMENTS);
    let mut seeds: Vec<Vec<u8>> = documents
        .filter_map(|(number, document)| {
            let (_, contents) = parts().iter().find(|(name, _)| name == document)?;
            Some([&[number], contents.as_slice()].concat())
        })
        .collect();
    seeds.push(b"\x04[\"/etc/passwd\"]".to_vec());
    seeds.push(b"\x00{\"id\":\"1\",\"checkpointedTime\":\"2026-01-02T03:04:05Z\"}".to_vec());
    seeds.push(b"\x01{\"process\":{\"args\":[\"sh\"]},\"mounts\":[{\"destination\":\"/\"}]}".to_vec());
    seeds
}
