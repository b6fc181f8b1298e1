# SPDX-License-Identifier: Apache-2.0
"""What all tests in Python have: the modules of tests/lib, whose assertions say what they saw."""
import os
import sys

import pytest

LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib")
sys.path.insert(0, LIB)
sys.dont_write_bytecode = True
pytest.register_assert_rewrite(*(name[:-3] for name in os.listdir(LIB) if name.endswith(".py")))
