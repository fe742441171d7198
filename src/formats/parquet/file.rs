//! The structure of a file: groups of rows, and at the end their positions. The library's own writer fixes at the start
//! whether rows are sorted; this one decides for each group.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::page_index::PageIndexBuilder;
use ::parquet::file::metadata::{
    FileMetaData, ParquetMetaDataBuilder, ParquetMetaDataWriter, RowGroupMetaData, SortingColumn,
};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use ::parquet::file::writer::{SerializedRowGroupWriter, TrackedWrite};
use ::parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, TypePtr};

use super::column::Column;

/// The first bytes of a file.
const MAGIC: &[u8] = b"PAR1";
/// Maximum size of stored minimum and maximum values of a column or page, in bytes.
const TRUNCATED: usize = 64;

/// A file that is being written. Completed bytes can be taken at any time.
pub(super) struct File {
    out: TrackedWrite<Sink>,
    sink: Sink,
    schema: SchemaDescPtr,
    properties: WriterPropertiesPtr,
    /// The same for groups whose rows are sorted.
    sorted: WriterPropertiesPtr,
    groups: Vec<RowGroupMetaData>,
    pages: Vec<Pages>,
}

/// The pages of a group, by column.
type Pages = (
    Vec<Option<::parquet::file::page_index::column_index::ColumnIndexMetaData>>,
    Vec<Option<::parquet::file::page_index::offset_index::OffsetIndexMetaData>>,
);

impl File {
    /// Creates a file with a schema, whose groups may be sorted by a column.
    pub(super) fn new(schema: TypePtr, sorted_by: Option<usize>) -> io::Result<Self> {
        let by = sorted_by.and_then(|column| i32::try_from(column).ok());
        let by = by.map(|column_idx| vec![SortingColumn { column_idx, descending: false, nulls_first: false }]);
        let sink = Sink::default();
        let mut out = TrackedWrite::new(sink.clone());
        out.write_all(MAGIC)?;
        Ok(File {
            out,
            sink,
            schema: Arc::new(SchemaDescriptor::new(schema)),
            properties: Arc::new(properties(None)),
            sorted: Arc::new(properties(by)),
            groups: Vec::new(),
            pages: Vec::new(),
        })
    }

    /// Writes the waiting rows as a group.
    pub(super) fn group(&mut self, columns: &mut [Column], sorted: bool) -> Result<(), ParquetError> {
        let properties = if sorted { &self.sorted } else { &self.properties };
        let number =
            i32::try_from(self.groups.len()).map_err(|_| ParquetError::General("too many groups".to_owned()))?;
        let (groups, pages) = (&mut self.groups, &mut self.pages);
        let done = move |_: &mut _, group: RowGroupMetaData, _: Vec<_>, columns, offsets| {
            groups.push(group);
            pages.push((columns, offsets));
            Ok(())
        };
        let (schema, properties) = (Arc::clone(&self.schema), Arc::clone(properties));
        let mut group = SerializedRowGroupWriter::new(schema, properties, &mut self.out, number, Some(Box::new(done)));
        for column in columns {
            let Some(mut writer) = group.next_column()? else { break };
            column.write(&mut writer)?;
            writer.close()?;
        }
        group.close().map(drop)
    }

    /// The bytes written since the last call.
    pub(super) fn take(&mut self) -> io::Result<Vec<u8>> {
        self.out.flush()?;
        Ok(self.sink.take())
    }

    /// Writes the end, and returns the remaining bytes.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, ParquetError> {
        let mut index = PageIndexBuilder::new(self.groups.len(), self.schema.num_columns());
        for (group, (columns, offsets)) in self.pages.into_iter().enumerate() {
            for (number, (column, offsets)) in columns.into_iter().zip(offsets).enumerate() {
                if let Some(column) = column {
                    index.put_column_index(column, group, number);
                }
                if let Some(offsets) = offsets {
                    index.put_offset_index(offsets, group, number);
                }
            }
        }
        let rows = self.groups.iter().map(RowGroupMetaData::num_rows).fold(0, i64::saturating_add);
        let creator = Some(self.properties.created_by().to_owned());
        let version = self.properties.writer_version().as_num();
        let file = FileMetaData::new(version, rows, creator, None, self.schema, None);
        let metadata = ParquetMetaDataBuilder::new(file).set_row_groups(self.groups);
        let metadata = metadata.set_page_index(Some(Arc::new(index.build()))).build();
        self.out.flush()?;
        ParquetMetaDataWriter::new_with_tracked(self.out, &metadata).finish()?;
        Ok(self.sink.take())
    }
}

fn properties(sorted_by: Option<Vec<SortingColumn>>) -> WriterProperties {
    WriterProperties::builder()
        .set_created_by(format!("cryoscope version {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(true)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(TRUNCATED))
        .set_column_index_truncate_length(Some(TRUNCATED))
        .set_sorting_columns(sorted_by)
        .build()
}

/// Bytes that were written but not yet taken. The library keeps the writing end.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
