//! Reads what was written, and trusts none of it.

use serde::Deserialize;
use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::{OF_16, OF_32, OF_64, OF_F32, OF_F64, Sizes, TerseError};

/// What all of `bytes` say.
pub fn from_bytes<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, TerseError> {
    let mut reader = Reader { rest: bytes, bits: 0, left: 0 };
    let content = T::deserialize(&mut reader)?;
    match reader.rest.len() {
        0 => Ok(content),
        left_over => Err(TerseError::LeftOver(left_over)),
    }
}

struct Reader<'de> {
    rest: &'de [u8],
    /// Bits not yet asked for, and how many they are.
    bits: u8,
    left: u32,
}

impl<'de> Reader<'de> {
    fn take(&mut self, bytes: usize) -> Result<&'de [u8], TerseError> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(TerseError::Ends)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn bit(&mut self) -> Result<bool, TerseError> {
        if self.left == 0 {
            let (&bits, rest) = self.rest.split_first().ok_or(TerseError::Ends)?;
            (self.bits, self.left, self.rest) = (bits, 8, rest);
        }
        let bit = self.bits & 1 != 0;
        self.bits >>= 1;
        self.left -= 1;
        Ok(bit)
    }

    #[inline]
    fn number(&mut self, sizes: &Sizes) -> Result<u64, TerseError> {
        let form = usize::from(self.bit()?) | usize::from(self.bit()?) << 1;
        if form > 0 && sizes.of[form] == sizes.of[form - 1] {
            return Err(TerseError::Form);
        }
        let size = usize::from(sizes.of[form]);
        if let Some(ahead) = self.rest.first_chunk() {
            let unwanted = 64 - 8 * size as u32;
            self.rest = &self.rest[size..];
            return Ok(match size {
                0 => 0,
                _ => u64::from_le_bytes(*ahead) << unwanted >> unwanted,
            });
        }
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(self.take(size)?);
        Ok(u64::from_le_bytes(bytes))
    }

    fn number_of_32(&mut self) -> Result<u32, TerseError> {
        Ok(self.number(OF_32)? as u32)
    }

    fn bytes(&mut self) -> Result<&'de [u8], TerseError> {
        let length = self.number_of_32()? as usize;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'de str, TerseError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| TerseError::Text)
    }
}

fn unfolded(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = TerseError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, TerseError> {
        Err(TerseError::Untold)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, TerseError> {
        Err(TerseError::Untold)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_bool(self.bit()?)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        let number = if self.bit()? { self.take(1)?[0] } else { 0 };
        visitor.visit_u8(number)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_u16(self.number(OF_16)? as u16)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_u32(self.number_of_32()?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_u64(self.number(OF_64)?)
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        let number = if self.bit()? { self.take(1)?[0] } else { 0 };
        visitor.visit_i8(unfolded(number.into()) as i8)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_i16(unfolded(self.number(OF_16)?) as i16)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_i32(unfolded(self.number(OF_32)?) as i32)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_i64(unfolded(self.number(OF_64)?))
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_f32(f32::from_bits((self.number(OF_F32)? as u32).swap_bytes()))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_f64(f64::from_bits(self.number(OF_F64)?.swap_bytes()))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_char(char::from_u32(self.number_of_32()?).ok_or(TerseError::Text)?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        if self.bit()? { visitor.visit_some(self) } else { visitor.visit_none() }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TerseError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TerseError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        let left = self.number_of_32()? as usize;
        visitor.visit_seq(Several { reader: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, TerseError> {
        visitor.visit_seq(Several { reader: self, left: length })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, TerseError> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TerseError> {
        let left = self.number_of_32()? as usize;
        visitor.visit_map(Several { reader: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TerseError> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TerseError> {
        visitor.visit_enum(self)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, TerseError> {
        Err(TerseError::Untold)
    }
}

/// So many parts, one after the other.
struct Several<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
}

impl<'de> Several<'_, 'de> {
    fn next<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, TerseError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    /// Nobody makes room for more than there can be: eight parts a byte.
    fn at_most(&self) -> Option<usize> {
        Some(self.left.min(self.reader.rest.len().saturating_mul(8)))
    }
}

impl<'de> SeqAccess<'de> for Several<'_, 'de> {
    type Error = TerseError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, TerseError> {
        self.next(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.at_most()
    }
}

impl<'de> MapAccess<'de> for Several<'_, 'de> {
    type Error = TerseError;

    fn next_key_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, TerseError> {
        self.next(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, TerseError> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        self.at_most()
    }
}

impl<'de> EnumAccess<'de> for &mut Reader<'de> {
    type Error = TerseError;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self), TerseError> {
        let index: U32Deserializer<TerseError> = self.number_of_32()?.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Reader<'de> {
    type Error = TerseError;

    fn unit_variant(self) -> Result<(), TerseError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, TerseError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, TerseError> {
        self.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TerseError> {
        self.deserialize_tuple(fields.len(), visitor)
    }
}
