//! The buffers of fixed-width and varying-length columns.

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{BinaryArray, PrimitiveArray, StringArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use tidegate_core::error::{Error, Result};

use crate::text::buffer::WideBuffer;

/// Values of a fixed-width type.
pub(crate) struct Primitive<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
}

impl<T: ArrowPrimitiveType> Primitive<T> {
    pub(crate) fn new(rows: usize) -> Self {
        Primitive { values: Vec::with_capacity(rows), nulls: NullBufferBuilder::new(rows) }
    }
    #[inline(always)]
    pub(crate) fn append(&mut self, value: Option<T::Native>) {
        match value {
            Some(v) => {
                self.values.push(v);
                self.nulls.append_non_null();
            }
            None => {
                self.values.push(T::Native::default());
                self.nulls.append_null();
            }
        }
    }
    /// Appends values; those counted in `nulls`, in order, are NULL.
    pub(crate) fn append_all(&mut self, values: impl Iterator<Item = T::Native>, nulls: &[usize]) {
        let before = self.values.len();
        self.values.extend(values);
        let mut done = 0;
        for &null in nulls {
            self.nulls.append_n_non_nulls(null - done);
            self.nulls.append_null();
            done = null + 1;
        }
        self.nulls.append_n_non_nulls(self.values.len() - before - done);
    }
    pub(crate) fn finish(mut self) -> PrimitiveArray<T> {
        PrimitiveArray::new(ScalarBuffer::from(self.values), self.nulls.finish())
    }
}

/// Values of varying length, one after the other.
pub(crate) struct Varying {
    values: WideBuffer,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Varying {
    pub(crate) fn new(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Varying { values: WideBuffer::with_capacity(bytes), offsets, nulls: NullBufferBuilder::new(rows) }
    }
    #[inline]
    pub(crate) fn append(&mut self, value: Option<&[u8]>) {
        match value {
            Some(v) => {
                self.values.slice(v);
                self.nulls.append_non_null();
            }
            None => self.nulls.append_null(),
        }
        self.end();
    }
    /// Bytes so far.
    pub(crate) fn bytes(&self) -> usize {
        self.values.len()
    }
    /// Appends `data[start..end]`.
    #[inline(always)]
    pub(crate) fn append_range(&mut self, data: &[u8], start: usize, end: usize) {
        self.values.range(data, start, end);
        self.nulls.append_non_null();
        self.end();
    }
    #[inline(always)]
    fn end(&mut self) {
        // A batch is below 4 GiB by contract and unescaping shortens; past 2 GiB the array is refused.
        self.offsets.push(i32::try_from(self.values.len()).unwrap_or(i32::MAX));
    }
    fn too_long(&self) -> Result<()> {
        if i32::try_from(self.values.len()).is_err() {
            return Err(Error::user("a column of one batch holds more than 2 GiB").help("read smaller batches"));
        }
        Ok(())
    }
    pub(crate) fn binary(mut self) -> Result<BinaryArray> {
        self.too_long()?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        BinaryArray::try_new(offsets, self.values.into_vec().into(), self.nulls.finish())
            .map_err(|e| Error::internal(e.to_string()))
    }
    /// As text; rows that are not UTF-8 are told to `invalid` and get replacement characters.
    pub(crate) fn text(mut self, invalid: &mut dyn FnMut(usize)) -> Result<StringArray> {
        self.too_long()?;
        let nulls = self.nulls.finish();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        // Arrow checks the text as a whole, and that no row's end cuts a character in two.
        let values = arrow_buffer::Buffer::from_vec(self.values.into_vec());
        if let Ok(array) = StringArray::try_new(offsets.clone(), values.clone(), nulls.clone()) {
            return Ok(array);
        }
        let mut repaired = Varying::new(offsets.len(), values.len() + 64);
        for (row, range) in offsets.windows(2).enumerate() {
            let bytes = &values[range[0] as usize..range[1] as usize];
            let text = String::from_utf8_lossy(bytes);
            if matches!(text, std::borrow::Cow::Owned(_)) {
                invalid(row);
            }
            repaired.append(Some(text.as_bytes()));
        }
        repaired.too_long()?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(repaired.offsets));
        StringArray::try_new(offsets, repaired.values.into_vec().into(), nulls)
            .map_err(|e| Error::internal(e.to_string()))
    }
}
