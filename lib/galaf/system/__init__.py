# SPDX-License-Identifier: GPL-3.0-or-later
"""What touches the machine: running programs, nft, the resolver, accounts, files and locks."""
