"""What a person sees: no SQL, no HTTP; everything comes from the store and goes back to it."""
