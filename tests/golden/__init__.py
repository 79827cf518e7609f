"""Golden sets: what each mission promises, case by case, whatever model flies it."""
