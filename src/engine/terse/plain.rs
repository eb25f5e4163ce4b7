//! What is written as `postcard` does: what travels, and what was kept before there was another form.

use serde::Serialize;

/// Appends `content` to `to`.
pub fn append_plain<T: Serialize + ?Sized>(content: &T, to: &mut Vec<u8>) -> postcard::Result<()> {
    postcard::serialize_with_flavor(content, Into(to))
}

struct Into<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Into<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        match data {
            // As most numbers are: not worth a copy.
            [byte] => self.0.push(*byte),
            _ => self.0.extend_from_slice(data),
        }
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
