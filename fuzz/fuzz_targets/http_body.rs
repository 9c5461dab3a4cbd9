//! Bodies of every call: JSON, multipart, urlencoded.
#![no_main]

hufu_fuzz::target!(http_body);
