//! Writes.

use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

use super::{OF_16, OF_32, OF_64, OF_F32, OF_F64, Sizes, TerseError};

/// Appends `content` to `to`.
pub fn write<T: Serialize + ?Sized>(content: &T, to: &mut Vec<u8>) -> Result<(), TerseError> {
    let mut writer = Writer { to, bits: 0, used: FULL, at: usize::MAX };
    content.serialize(&mut writer)?;
    writer.put_bits();
    Ok(())
}

/// Bits of a byte.
const FULL: u32 = 8;

struct Writer<'a> {
    to: &'a mut Vec<u8>,
    /// The byte of bits that is being filled, how many it has, and where it stands: nowhere at first.
    bits: u8,
    used: u32,
    at: usize,
}

impl Writer<'_> {
    fn put_bits(&mut self) {
        if let Some(place) = self.to.get_mut(self.at) {
            *place = self.bits;
        }
    }

    fn next_bits(&mut self, bits: u8, used: u32) {
        self.put_bits();
        (self.bits, self.used, self.at) = (bits, used, self.to.len());
        self.to.push(0);
    }

    #[inline]
    fn bit(&mut self, on: bool) {
        if self.used == FULL {
            return self.next_bits(on.into(), 1);
        }
        self.bits |= u8::from(on) << self.used;
        self.used += 1;
    }

    #[inline]
    fn two_bits(&mut self, bits: u8) {
        match self.used {
            FULL => self.next_bits(bits, 2),
            7 => {
                self.bits |= bits << 7;
                self.next_bits(bits >> 1, 1);
            }
            used => {
                self.bits |= bits << used;
                self.used += 2;
            }
        }
    }

    #[inline]
    fn number(&mut self, number: u64, sizes: &Sizes) {
        // Most are.
        if number == 0 && self.used < FULL - 1 {
            self.used += 2;
            return;
        }
        let bytes = (71 - number.leading_zeros()) / 8;
        let form = sizes.form[bytes as usize];
        self.two_bits(form);
        if form > 0 {
            let end = self.to.len() + usize::from(sizes.of[usize::from(form)]);
            self.to.extend_from_slice(&number.to_le_bytes());
            self.to.truncate(end);
        }
    }

    fn length(&mut self, length: usize) -> Result<(), TerseError> {
        let length = u32::try_from(length).map_err(|_| TerseError::TooLarge)?;
        self.number(length.into(), OF_32);
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), TerseError> {
        self.length(bytes.len())?;
        self.to.extend_from_slice(bytes);
        Ok(())
    }
}

/// Small negative numbers as small numbers: 0, -1, 1, -2, …
fn folded(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

type Done = Result<(), TerseError>;

impl Serializer for &mut Writer<'_> {
    type Ok = ();
    type Error = TerseError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, truth: bool) -> Done {
        self.bit(truth);
        Ok(())
    }

    fn serialize_u8(self, number: u8) -> Done {
        self.bit(number != 0);
        if number != 0 {
            self.to.push(number);
        }
        Ok(())
    }

    fn serialize_u16(self, number: u16) -> Done {
        self.number(number.into(), OF_16);
        Ok(())
    }

    fn serialize_u32(self, number: u32) -> Done {
        self.number(number.into(), OF_32);
        Ok(())
    }

    fn serialize_u64(self, number: u64) -> Done {
        self.number(number, OF_64);
        Ok(())
    }

    fn serialize_i8(self, number: i8) -> Done {
        self.serialize_u8(folded(number.into()) as u8)
    }

    fn serialize_i16(self, number: i16) -> Done {
        self.serialize_u16(folded(number.into()) as u16)
    }

    fn serialize_i32(self, number: i32) -> Done {
        self.serialize_u32(folded(number.into()) as u32)
    }

    fn serialize_i64(self, number: i64) -> Done {
        self.serialize_u64(folded(number))
    }

    fn serialize_f32(self, number: f32) -> Done {
        self.number(number.to_bits().swap_bytes().into(), OF_F32);
        Ok(())
    }

    fn serialize_f64(self, number: f64) -> Done {
        self.number(number.to_bits().swap_bytes(), OF_F64);
        Ok(())
    }

    fn serialize_char(self, letter: char) -> Done {
        self.serialize_u32(letter.into())
    }

    fn serialize_str(self, text: &str) -> Done {
        Writer::bytes(self, text.as_bytes())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Done {
        Writer::bytes(self, bytes)
    }

    fn serialize_none(self) -> Done {
        self.bit(false);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, content: &T) -> Done {
        self.bit(true);
        content.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Done {
        self.serialize_u32(index)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, content: &T) -> Done {
        content.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        content: &T,
    ) -> Done {
        self.number(index.into(), OF_32);
        content.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, TerseError> {
        self.length(length.ok_or(TerseError::Unsized)?)?;
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, TerseError> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, TerseError> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, TerseError> {
        self.number(index.into(), OF_32);
        Ok(self)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, TerseError> {
        self.serialize_seq(length)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, TerseError> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, TerseError> {
        self.number(index.into(), OF_32);
        Ok(self)
    }
}

/// What holds parts is its parts, one after the other.
macro_rules! of_parts {
    ($($kind:ident $part:ident $(($name:ty))?),*) => {$(
        impl $kind for &mut Writer<'_> {
            type Ok = ();
            type Error = TerseError;

            fn $part<T: Serialize + ?Sized>(&mut self, $(_: $name,)? part: &T) -> Done {
                part.serialize(&mut **self)
            }

            fn end(self) -> Done {
                Ok(())
            }
        }
    )*};
}

of_parts!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
    SerializeStruct serialize_field (&'static str),
    SerializeStructVariant serialize_field (&'static str)
);

impl SerializeMap for &mut Writer<'_> {
    type Ok = ();
    type Error = TerseError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(&mut **self)
    }

    fn end(self) -> Done {
        Ok(())
    }
}
