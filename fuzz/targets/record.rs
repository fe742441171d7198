//! Decoding: one record of the kind that the first byte chooses, as long as the next two say, and what follows it.

use cryoscope::memory::Keep;

use super::image::{self, kind_of, member_of};
use super::parts::{decode, image_of, read, with_image};

pub fn run(data: &[u8]) {
    let [number, low, high, rest @ ..] = data else { return };
    let kind = kind_of(*number);
    let message = rest.get(..usize::from(u16::from_le_bytes([*low, *high]))).unwrap_or(rest);
    let behind = &rest[message.len()..];
    let contents = image_of(kind, &[(message, behind)]);
    let name = member_of(kind);
    decode(&read(&with_image(&name, &contents), Keep::Files), Some(&name));
}

pub fn seeds() -> Vec<Vec<u8>> {
    of_images(image::seeds())
}

/// Images, each behind a byte, as this target takes them: without what comes before the first message.
pub(super) fn of_images(images: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let images = images.into_iter().filter(|image| image.len() > 13);
    images.map(|image| [&image[..1], &image[9..11], &image[13..]].concat()).collect()
}
