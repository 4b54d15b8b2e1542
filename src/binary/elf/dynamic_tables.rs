//! Where the dynamic section says that the loader's other tables are.

/// The addresses and sizes in the dynamic section that lead to other tables.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tables {
    pub(crate) strings: u64,
    pub(crate) symbols: Option<u64>,
    pub(crate) hash: Option<u64>,
    pub(crate) gnu_hash: Option<u64>,
    pub(crate) versions: Option<u64>,
    /// `(address, bytes)` of `DT_RELA`, `DT_REL` and `DT_JMPREL`.
    pub(crate) rela: (u64, u64),
    pub(crate) rel: (u64, u64),
    pub(crate) plt: (u64, u64),
    /// Whether the entries of `DT_JMPREL` have addends.
    pub(crate) plt_has_addends: bool,
    /// `DT_MIPS_GOTSYM`: every symbol from here on is bound through the global offset table.
    pub(crate) mips_first_got_symbol: Option<u64>,
    /// `DT_MIPS_SYMTABNO`.
    pub(crate) mips_symbols: u64,
}
