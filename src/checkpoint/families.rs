//! Parts of the model that only some questions need: each is read when it is first asked for, and only once.

use std::sync::OnceLock;

use super::Checkpoint;
use crate::model::netns::{self, Networks};

/// Defines [`Families`], and the methods of [`Checkpoint`] that give each. `read` is a function of the model that takes
/// the images of the dump, the model, and what lies beside the images.
macro_rules! families {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $read:path;)*) => {
        /// What has been read of them.
        #[derive(Debug, Default)]
        pub(super) struct Families {
            $($name: OnceLock<$type>,)*
        }

        impl Checkpoint {
            $($(#[doc = $doc])+
            pub fn $name(&self) -> &$type {
                self.families.$name.get_or_init(|| {
                    let images = self.reader(self.images());
                    $read(images, self.model(), &self.side())
                })
            })*

            /// Reads all of them, so that all warnings are known.
            pub(super) fn read_families(&self) {
                $(let _ = self.$name();)*
            }
        }
    };
}

families! {
    /// What the images of network namespaces hold.
    networks: Networks = netns::read;
}
