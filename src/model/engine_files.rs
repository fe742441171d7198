//! Files next to the images: documents and tars of the engine, and what CRIU writes to its work directory.

use bstr::{BStr, ByteSlice};
use serde_json::Value;

use super::document::Document;
use crate::archive::{self, Absence, Archive, Member, MemberKind, Stop, folder_of};
use crate::images::{ImageSet, Images, join, root_of};
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Bytes of a log that are searched for CRIU's version.
const LOG_HEAD: u64 = 64 << 10;

/// Names of CRIU's logs: of a dump, of a pre-dump, and left over from a restore.
pub(super) const LOGS_OF_CRIU: [&str; 4] = ["dump.log", "criu-dump.log", "pre-dump.log", "restore.log"];
/// Names of the container's logs: Podman's (`k8s-file` and `json-file` write the same), containerd's and CRI-O's, which
/// is named after the annotation that holds its path.
pub(crate) const LOGS_OF_CONTAINER: [&str; 3] = ["ctr.log", "container.log", "io.kubernetes.cri-o.LogPath"];

/// Files next to the images of a set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineFiles<'a> {
    archive: &'a Archive,
    set: &'a ImageSet,
    /// The archive has no other checkpoint: files of the work directory belong to this one, wherever they are.
    only: bool,
    pub(crate) limits: &'a Limits,
    pub(crate) warnings: &'a Warnings,
}

impl<'a> EngineFiles<'a> {
    pub(crate) fn new(images: Images<'a>, only: bool) -> Self {
        EngineFiles { archive: images.archive, set: images.set, only, limits: images.limits, warnings: images.warnings }
    }

    /// The archive that the files are in.
    pub(crate) fn archive(&self) -> &'a Archive {
        self.archive
    }

    /// The same files; what is odd is pushed to other warnings.
    pub(crate) fn with_warnings<'w>(&self, warnings: &'w Warnings) -> EngineFiles<'w>
    where
        'a: 'w,
    {
        EngineFiles { warnings, ..*self }
    }

    /// The root of the engine's archive.
    pub(crate) fn root(&self) -> &'a [u8] {
        root_of(&self.set.folder)
    }

    /// An engine document at the root of its archive.
    pub(crate) fn document(&self, name: &str) -> Option<Document<'a>> {
        Document::read(self.archive, self.root(), name, self.limits, self.warnings)
    }

    /// A document in a directory above the root.
    pub(crate) fn document_above(&self, levels: usize, name: &str) -> Option<Document<'a>> {
        let mut folder = self.root();
        for _ in 0..levels {
            if folder.is_empty() {
                return None;
            }
            folder = folder_of(folder);
        }
        Document::read(self.archive, folder, name, self.limits, self.warnings)
    }

    /// A file at the root of the engine's archive.
    pub(crate) fn file(&self, name: &str) -> Option<&'a Member> {
        self.archive.find(&join(BStr::new(self.root()), name.as_bytes()))
    }

    /// The files in a directory at the root of the engine's archive, in the order of the archive.
    pub(crate) fn files_in(&self, folder: &str) -> impl Iterator<Item = &'a Member> + use<'a> {
        let folder = join(BStr::new(self.root()), folder.as_bytes());
        let archive = self.archive;
        archive
            .members()
            .iter()
            .filter(move |member| member.folder() == folder.as_slice() && archive.number_of(member).is_some())
    }

    /// A file of the work directory: in the directory of the images, next to it, or the only one of its name.
    pub(crate) fn work_file(&self, name: &str) -> Option<&'a Member> {
        let near = [self.set.folder.as_slice(), self.root(), folder_of(self.root())];
        let found = near.iter().find_map(|folder| self.archive.find(&join(BStr::new(folder), name.as_bytes())));
        found.or_else(|| {
            let mut all = self.archive.members().iter().filter(|m| m.file_name() == name.as_bytes());
            let first = all.next().filter(|_| self.only)?;
            all.next().is_none().then_some(first)
        })
    }

    /// Annotations of the OCI image that held the archive.
    pub(crate) fn image_annotation(&self, key: &str) -> Option<&'a str> {
        // If several have one key, the innermost index comes last and is the container's own.
        self.archive.annotations(&self.set.folder).iter().rfind(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// Whether the OCI image that held the archive has annotations with a prefix.
    pub(crate) fn has_image_annotation(&self, prefix: &str) -> bool {
        self.archive.annotations(&self.set.folder).iter().any(|(key, _)| key.starts_with(prefix))
    }

    /// The version of CRIU, from the image's annotations or the first lines of the log.
    pub(crate) fn criu_version(&self) -> Option<String> {
        let keys = [
            "io.podman.annotations.checkpoint.criu.version",
            "io.kubernetes.cri-o.annotations.checkpoint.criu.version",
            "org.criu.checkpoint.criu.version",
        ];
        let annotated = keys.iter().find_map(|key| self.image_annotation(key)).map(version_of_number);
        annotated.or_else(|| self.logged_version())
    }

    fn logged_version(&self) -> Option<String> {
        let log = ["dump.log", "criu-dump.log"].iter().find_map(|name| self.work_file(name))?;
        let file = self.archive.resolve(log).ok().filter(|file| file.kind == MemberKind::File)?;
        let (head, _) = self.archive.contents(file).prefix(LOG_HEAD);
        head.lines().find_map(|line| {
            let (_, version) = line.split_once_str("Version: ")?;
            let end = version.find_byteset(b" \t").unwrap_or(version.len());
            Some(version.get(..end)?.to_str().ok()?.to_owned())
        })
    }

    /// Warns if an engine's archive lacks one of its two documents. `ctr` writes no configuration.
    pub(crate) fn check_documents(&self) {
        let (config, spec) = (self.file("config.dump"), self.file("spec.dump"));
        let missing = match (config, spec) {
            (None, Some(_)) if !self.has_image_annotation("io.containerd.checkpoint.") => "config.dump",
            (Some(_), None) => "spec.dump",
            _ => return,
        };
        self.warnings.push(
            Code::DocumentMissing,
            Place::member(join(BStr::new(self.root()), missing.as_bytes())),
            || {
                "this document, which every engine writes, is missing; what it says about the container is unknown"
                    .to_owned()
            },
        );
    }

    /// Warns about engine files and CRIU logs that are not files but pipes, devices or broken links. They are skipped.
    pub(crate) fn check_files(&self) {
        const NAMES: [&str; 9] = [
            "config.dump",
            "spec.dump",
            "network.status",
            "status",
            "status.dump",
            "config.v2.json",
            "rootfs-diff.tar",
            "deleted.files",
            "devshm-checkpoint.tar",
        ];
        let logs = LOGS_OF_CRIU.iter().chain(&LOGS_OF_CONTAINER);
        for member in NAMES.iter().chain(logs).filter_map(|name| self.file(name)) {
            match self.archive.resolve(member) {
                // Directories with such names belong to others.
                Ok(file) if matches!(file.kind, MemberKind::File | MemberKind::Directory) => {}
                Ok(other) => self.warnings.push(Code::ImageNotAFile, Place::member(&member.path), || {
                    format!("not a file (type: {}); skipped", other.kind.as_str())
                }),
                Err(link) => self.warnings.push(Code::MemberLinkBroken, Place::member(&member.path), || {
                    let target = link.link.as_deref().map_or(b"".as_bstr(), |target| target.as_bstr());
                    format!(
                        "a link to {target}, which is not a file in this archive; links that lead outside are not followed"
                    )
                }),
            }
        }
    }

    /// Warns if the root file system's changes are not a tar, plain or compressed. Only the beginning is examined.
    pub(crate) fn check_rootfs_diff(&self) {
        let Some(member) = self.file("rootfs-diff.tar").filter(|m| m.kind == MemberKind::File && m.size > 0) else {
            return;
        };
        let (head, stop) = self.archive.contents(member).prefix(archive::HEAD);
        // Unreadable members have a warning of their own.
        if stop != Some(Stop::Absent(Absence::Unreadable)) && !archive::may_be_tar(&head) {
            self.warnings.push(Code::RootfsDiffDamaged, Place::member(&member.path), || {
                "neither a tar nor a compressed tar; the container's file changes are unknown".to_owned()
            });
        }
    }
}

/// Converts a version written as one number, `major * 10000 + minor * 100 + sublevel`, to a dotted version. Any other
/// text is kept.
fn version_of_number(text: &str) -> String {
    match text.parse::<u32>() {
        Ok(number) if number >= 10_000 => {
            let (major, minor, sub) = (number / 10_000, number / 100 % 100, number % 100);
            if sub == 0 { format!("{major}.{minor}") } else { format!("{major}.{minor}.{sub}") }
        }
        _ => text.to_owned(),
    }
}

/// The text at an object's key.
pub(crate) fn text_of<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_dotted() {
        assert_eq!(version_of_number("40101"), "4.1.1");
        assert_eq!(version_of_number("40200"), "4.2");
        assert_eq!(version_of_number("4.1"), "4.1");
    }
}
