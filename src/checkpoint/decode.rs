//! Decodes images by reflection: those of a checkpoint, and single files.

use std::io::{self, Read};
use std::path::Path;

use super::{Checkpoint, faults};
use crate::abi::arch::Arch;
use crate::archive::{Archive, Member};
use crate::error::{Error, ErrorKind};
use crate::images::decode::{Decoder, Machine, begins_as_image};
use crate::images::proto::CoreEntry;
use crate::images::{Images, Kind, join, root_of};
use crate::limits::Limits;
use crate::memory::Keep;
use crate::warning::{Warning, Warnings};

impl Checkpoint {
    /// Decodes its images by reflection.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use cryoscope::Checkpoint;
    /// use cryoscope::formats::decode::{DecodeFormat, DecodeStyle, DecodeWriter, Payload};
    ///
    /// let checkpoint = Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
    /// let inventory = checkpoint.archive().find(b"checkpoint/inventory.img").ok_or("no inventory")?;
    /// let style = DecodeStyle { format: DecodeFormat::Ndjson, payload: Payload::Lengths, plain: false };
    /// let mut json = Vec::new();
    /// let mut writer = DecodeWriter::new(&mut json, style);
    /// checkpoint.decoder().image(inventory, &mut writer)?;
    /// writer.finish()?;
    /// assert!(String::from_utf8(json)?.contains(r#""img_version":2"#));
    /// # Ok(())
    /// # }
    /// ```
    pub fn decoder(&self) -> Decoder<'_> {
        let unheard = Warnings::new(&self.shared.limits);
        let quiet = Images { warnings: &unheard, ..self.reader(&self.set) };
        let mtype = self
            .set
            .of_kind(quiet.archive, Kind::Core)
            .find_map(|(number, _)| quiet.one::<CoreEntry>(Kind::Core, number)?.mtype);
        let order = quiet.open(Kind::Inventory, 0).map(|image| image.byte_order()).unwrap_or_default();
        Decoder {
            archive: if self.shared.kept.is_told {
                &self.shared.archive
            } else {
                self.shared.archive_with(Keep::Everything)
            },
            machine: Machine { arch: mtype.and_then(Arch::from_mtype), order },
            limits: &self.shared.limits,
            warnings: &self.warnings,
        }
    }

    /// The image files of this dump and of the parent dumps in its archive, sorted by directory, kind and number, then
    /// files of unknown kinds that begin like images; and the statistics next to them.
    pub fn image_members(&self) -> Vec<&Member> {
        let archive = &self.shared.archive;
        let sets = self.shared.sets.chain(&self.set);
        let of_set = sets.into_iter().flat_map(|set| {
            let known = set.images(archive).map(|(_, _, member)| member);
            known.chain(set.others(archive).filter(|member| {
                let contents = archive.contents(member);
                member.file_name().ends_with(b".img") || begins_as_image(&contents.prefix(8).0)
            }))
        });
        // Statistics and caches are in the work directory, which engines place next to the images.
        let root = root_of(&self.set.folder);
        let work = [Kind::StatsDump, Kind::StatsRestore, Kind::IrmapCache];
        let beside = work.into_iter().filter_map(|kind| archive.find(&join(root.into(), kind.pattern().as_bytes())));
        of_set.chain(beside.filter(|member| member.folder() != self.set.folder.as_slice())).collect()
    }
}

/// An image that is not in an archive.
#[derive(Debug)]
pub struct ImageFile {
    archive: Archive,
    limits: Limits,
    warnings: Warnings,
}

impl ImageFile {
    /// Opens a file. `None` if neither its name nor its first bytes are those of an image.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn open(path: impl AsRef<Path>, limits: &Limits) -> Result<Option<Self>, Error> {
        Self::open_mapped(path.as_ref(), true, limits)
    }

    /// Opens a file that is read and never mapped, as it may shrink meanwhile.
    ///
    /// # Errors
    ///
    /// As [`ImageFile::open`].
    pub fn open_unmapped(path: impl AsRef<Path>, limits: &Limits) -> Result<Option<Self>, Error> {
        Self::open_mapped(path.as_ref(), false, limits)
    }

    fn open_mapped(path: &Path, map: bool, limits: &Limits) -> Result<Option<Self>, Error> {
        let failed = |error| Error::of(path, ErrorKind::Io(error));
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Ok(None);
        }
        let named = path.file_name().is_some_and(|name| Kind::from_file_name(name.as_encoded_bytes()).is_some());
        let mut head = Vec::new();
        std::fs::File::open(path).and_then(|file| file.take(8).read_to_end(&mut head)).map_err(failed)?;
        if !named && !begins_as_image(&head) {
            return Ok(None);
        }
        let archive = Archive::of_file(path, map, limits).map_err(failed)?;
        Ok(Some(ImageFile { archive, limits: limits.clone(), warnings: Warnings::new(limits) }))
    }

    /// Decodes the image.
    ///
    /// # Errors
    ///
    /// If `visit` does.
    pub fn decode(&self, visit: &mut dyn crate::images::decode::Visit) -> io::Result<()> {
        let decoder = Decoder {
            archive: &self.archive,
            machine: Machine::default(),
            limits: &self.limits,
            warnings: &self.warnings,
        };
        self.archive.members().iter().try_for_each(|member| decoder.image(member, visit))
    }

    /// Everything odd, damaged or missing in what has been decoded so far.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut all = self.warnings.snapshot();
        all.extend(faults(&self.archive, &self.limits));
        all
    }

    /// Whether something is missing from what has been decoded so far.
    pub fn is_partial(&self) -> bool {
        self.warnings.partial() || self.archive.faults().next().is_some()
    }
}
