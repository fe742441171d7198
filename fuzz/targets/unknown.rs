//! Images that nobody knows: a newer CRIU may have written them. They are shown by the numbers of fields.

use cryoscope::images::Kind;
use cryoscope::memory::Keep;

use super::parts::{decode, images_of, least, read_tables};

const NAME: &str = "checkpoint/never-seen-1.img";

pub fn run(data: &[u8]) {
    decode(&read_tables(&least(&[(NAME, data)]), Keep::Files, &["images"]), Some(NAME));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut images = images_of(include_bytes!("../../fixtures/forms-reference/podman-runc.tar"), Kind::ALL);
    for image in &mut images {
        image.remove(0);
        image.truncate(2048);
    }
    let renamed = images.iter().filter(|image| image.len() > 8);
    // With a magic number that is not known, too.
    let renamed: Vec<_> = renamed.map(|image| [&image[..4], b"\x01\x02\x03\x04", &image[8..]].concat()).collect();
    images.extend(renamed);
    images
}
