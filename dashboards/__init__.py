"""The room people look at: pages over the published mart, which act only through gonogo's public verbs."""
