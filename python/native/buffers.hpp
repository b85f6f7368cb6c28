#pragma once
// Float matrices and id columns between NumPy and C++.
//
// Only the buffer protocol and numpy.ndarray's constructor are used, never NumPy's C structures:
// one binary serves NumPy 1 and 2, whichever pybind11 it was built with.
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/matrix_view.hpp"

namespace hearth::python {

namespace py = pybind11;

/// How long C++ may look at the memory of a Python object.
enum class ownership : std::uint8_t {
  borrow,  ///< the matrix keeps the Python buffer exported and reads it in place
  copy,    ///< the matrix owns its values; the caller may change the array at once
};

/// Which shapes a matrix argument may have.
enum class shape_rule : std::uint8_t {
  one_vector,     ///< (dimension,)
  many_vectors,   ///< (rows, dimension)
  row_or_matrix,  ///< either; a lone vector is one row
};

/// Reads `object` (an array, a buffer or nested sequences of numbers) as float32 rows. float32 in C
/// order is taken as it is; other real dtypes are converted once by NumPy. `field` names the
/// argument in errors. Throws native_error (invalid_argument, limit_exceeded) or TypeError.
[[nodiscard]] matrix matrix_from(py::handle object, const char* field, shape_rule shape,
                                 ownership owner);

/// Read-only arrays that own the C++ memory; nothing is copied.
[[nodiscard]] py::object array_from(const matrix& values);
[[nodiscard]] py::object array_from(std::vector<float> values);
[[nodiscard]] py::object array_from(std::vector<double> values);
[[nodiscard]] py::object array_from(std::vector<std::uint64_t> values);
[[nodiscard]] py::object array_from(const std::vector<bool>& flags);

/// Releases Python buffers that other threads are done with. Needs the GIL; cheap when there are
/// none.
void release_returned_buffers();

}  // namespace hearth::python
