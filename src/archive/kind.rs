//! The types of members: file, directory, link, device, pipe.

/// The type of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link; `link` is its target.
    Symlink,
    /// A hard link; `link` is the path of the member that holds the contents.
    Hardlink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// Another type of member (the tar type flag), or another kind of file (0).
    Other(u8),
}

impl MemberKind {
    /// `file`, `directory`, `symlink`, `hardlink`, `character`, `block`, `fifo` or `other`.
    pub fn as_str(self) -> &'static str {
        match self {
            MemberKind::File => "file",
            MemberKind::Directory => "directory",
            MemberKind::Symlink => "symlink",
            MemberKind::Hardlink => "hardlink",
            MemberKind::CharacterDevice => "character",
            MemberKind::BlockDevice => "block",
            MemberKind::Fifo => "fifo",
            MemberKind::Other(_) => "other",
        }
    }

    /// The type of file for a member of a tree of files: `regular`, `directory`, `symlink`, `character`, `block`,
    /// `fifo` or `other`.
    pub fn file_type(self) -> &'static str {
        match self {
            MemberKind::File => "regular",
            MemberKind::Hardlink | MemberKind::Other(_) => "other",
            kind => kind.as_str(),
        }
    }
}
