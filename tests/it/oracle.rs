//! Another reader of protobuf, `prost-reflect`, to compare ours with and to change records by.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

/// The schema of all images, from the descriptors that `protox` makes of `proto/`.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pool: DescriptorPool,
}

impl Schema {
    /// The schema. It is decoded once, and copies share it.
    pub(crate) fn load() -> Self {
        static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
            let descriptors: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
            Schema { pool: DescriptorPool::decode(descriptors).unwrap() }
        });
        SCHEMA.clone()
    }

    /// A message of the schema, by CRIU's name.
    pub(crate) fn message(&self, name: &str) -> MessageDescriptor {
        self.pool.get_message_by_name(&format!("criu.{name}")).unwrap_or_else(|| panic!("no message {name}"))
    }

    /// Decodes a record.
    pub(crate) fn decode(&self, message: &str, bytes: &[u8]) -> DynamicMessage {
        DynamicMessage::decode(self.message(message), bytes).unwrap()
    }
}
