# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project

VERSION = 0.1.0
