"""What people read: allocations as text and figures, and checks that show what they checked."""
